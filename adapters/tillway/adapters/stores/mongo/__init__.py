"""A store in MongoDB, for any number of processes and machines.

What a unit of work changes is one document, inserted into one log; everything else is spread from
there. So a unit is whole on a single server, a replica set and a sharded cluster alike.
"""

from tillway.adapters.stores.mongo.store import MongoStore

__all__ = ["MongoStore"]
