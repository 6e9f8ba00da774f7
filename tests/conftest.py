"""Makes what several rooms' tests share importable: published_networks.py."""
