"""Files from wherever they are: listed, fetched several at once, resumed, verified, and only then given their names.

A *place* is a folder of this machine, a repository of Hugging Face's hub (``hf://``), a folder on anything that fsspec
opens (``s3://``, ``webdav+https://``), a folder on a web server that publishes a list of
itself, or such a list.
"""

from ffhq_uv.download.fetch import Fetched, fetch, total
from ffhq_uv.download.listing import Listing, look
from ffhq_uv.download.offer import Offer, is_local
from ffhq_uv.download.streams import DownloadError

__all__ = ["DownloadError", "Fetched", "Listing", "Offer", "fetch", "is_local", "look", "total"]
