"""Where FFHQ-UV is published, for people who have named no place."""

WHERE = """source.url is not set. FFHQ-UV is published
- on Hugging Face: source.url=hf://datasets/csbhr/FFHQ-UV (what source=ffhq_uv begins with; pip install -e '.[hf]')
- on Baidu Netdisk, which needs its own program and an account, so that a person has to fetch it:
  1. Open the link of Baidu Netdisk in the README of https://github.com/csbhr/FFHQ-UV; the extract code is 5wbi.
  2. Download, from its folder FFHQ-UV/, into one folder and with these names (sizes are estimates from single files):
     dataset/ffhq-uv/uv-maps              65 GB  54,165 UV maps, in zips of 1,000 or in folders
     dataset/ffhq-uv/face-latents          6 GB  their codes, three views each
     dataset/ffhq-uv/meta-info.json       10 MB
     dataset_project/latents.zip           3 GB  69,620 codes of the people before: the row "FFHQ" of the table
     dataset_project/attributes.zip             their attributes
     topo_assets/                                the mesh and its masks
     checkpoints/                                the networks; `python -m ffhq_uv doctor experiment=ffhq_uv` says which
     Leave the zips as they are: they are read in place. The maps are optional: only pictures for people are made of
     them. dataset/ffhq-uv-interpolate (130 GB) is what this program makes anew; no stage reads it.
  3. python -m ffhq_uv pull experiment=ffhq_uv source.url=/path/to/FFHQ-UV pull.mode=link

The copy on OneDrive is no longer active. source.url may also be on a web server, a bucket (s3://) or
webdav+https://, or be a list of URLs; source.dataset, source.dataset_project, source.topo_assets and
source.checkpoints name other places for single parts."""
