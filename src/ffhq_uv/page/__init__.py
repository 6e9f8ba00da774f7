"""A page to look at data sets: what the pipeline left, as the text and the pictures of a static site.

The site needs no server and asks nobody for anything: it works from a file as from any web host. A browser that opened
a file may neither fetch nor read pixels of other files, so everything but the wall's pictures comes as scripts that
call a function (`script`). `rows` and `pictures` read and draw; the other files take plain arrays and values.
"""
