"""The sample application as gunicorn, uWSGI and Granian load it; configured by the environment."""

import app

application = app.main()
