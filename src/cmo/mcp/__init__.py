"""The oracle for assistants, by the Model Context Protocol: `cmo mcp`. Every result says where it is printed.

::

    assistant --stdio, or HTTP on loopback--> tools --cmo.client--> a service, or one in this very process
"""
