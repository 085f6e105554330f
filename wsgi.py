"""What gunicorn serves: `gunicorn wsgi:application`. The web faces join it here when they are built."""

from gongxin.app import create_app

application = create_app()
