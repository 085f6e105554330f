"""What gunicorn serves: `gunicorn wsgi:application`. The API at /, the web faces at /admin, /portal and /check."""

from gongxin.app import create_app
from gongxin_admin.app import mount

_api = create_app()
_runtime = _api.extensions["gongxin"]
application = mount(_api, _runtime.config, _runtime.engine)
