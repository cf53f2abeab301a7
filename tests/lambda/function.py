"""Answers with the variables that the event names, and with the process that it runs in."""

import os


def handler(event, context):
    values = {name: os.environ.get(name) for name in event["names"]}
    return {"pid": os.getpid(), "folder": os.getcwd(), "values": values}
