"""The chat: Chainlit over a running service, in a process of its own (`cmo chat`, extra `[chat]`).

::

    browser --websocket--> door --> Chainlit --> handlers --cmo.client--> the service
                                       '--> threads: conversations, in a file of this machine

The service knows nothing of it. What is said is made of replies by `talk`, `follow` and `words`, which know no Chainlit.
"""
