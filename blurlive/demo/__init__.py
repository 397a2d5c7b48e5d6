"""``blurlive demo``: a page in the browser to drop a photo on, served by the machine itself and asking nobody else.

Python's own HTTP server and one page without libraries: frames lie in the browser, so that scrubbing, flipping and
zooming are instant, and there is nothing to install, no font or script from elsewhere, and no telemetry.
"""
