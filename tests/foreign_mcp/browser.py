"""A browser for programs that open one: it follows redirects. `python browser.py ADDRESS`."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=60) as answer:
    answer.read()
