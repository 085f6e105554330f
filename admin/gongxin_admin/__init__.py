"""三张网面 The web faces: `/admin` for the association's people, `/portal` for members', `/check` for everybody.

| 中文 | here | meaning |
|---|---|---|
| 网面 | face | one of the three, each a Flask application with its own cookie, secret and session store |
| 页 | page | one address; `permissions.PAGES` says which roles may open it, and which must prove their person first |
| 门 | door | what a view gets: the session of the database, the account, the way to render (`face.Door`) |

Pages call the services and queries of `gongxin`, never its tables. Views parse, call, return. Begin with `app.py`, then
`face.py`; `templates/base.html` is the frame, `templates/ui.html` the parts.
"""
