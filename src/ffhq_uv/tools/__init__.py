"""The tools beside the pipeline, a file each; `ffhq_uv.command.tools` says what such a file must have."""
