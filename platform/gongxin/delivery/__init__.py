"""Delivery (投递): what changed reaches whoever must know, in order, at least once; they say what they did with it.

事件 event: something that happened to one object, told to those who may know. 发件箱 outbox: events as they were
emitted, in the transaction of what they tell. 变更流 change feed: events in one order without gaps, read by cursor.
网络回调 webhook: the same events, called out to an endpoint of the member's after the Standard Webhooks specification.
快照 snapshot: the state a newcomer starts from, with the cursor that joins on. 死信 dead letter: what an endpoint did
not take within three days, until an operator sends it again. 回执 acknowledgement: what a member did with what it was
told.

Start at `types.py` (what can be told), then `service.emit`. The order and why a cursor never skips a late commit stand
in docs/adr/0009-feed-order.md; what an endpoint may be in `wire.py`. Serves 个人信息保护法 art. 46 and 47 (correction
and deletion reach those who were told).
"""
