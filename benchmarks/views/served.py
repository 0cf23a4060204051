"""The view of Flask for servers; the environment says what protects it and which key is trusted."""

import json
import os

from benchmarks.views.contenders import application as protected
from benchmarks.views.trust import Trust

#: The environment variable holds the arguments of `Trust` as JSON.
trust = Trust(**json.loads(os.environ["BENCH_KEY"]))

application = protected("Flask", os.environ["BENCH_PROTECTION"], trust)
