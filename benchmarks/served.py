"""The sample application for gunicorn, uWSGI and Granian. The environment configures it."""

import app

application = app.main()
