-- What is told and not applied is listed, newest first.
CREATE INDEX tillway_inbox_state ON tillway_inbox (tenant, state, at, id);
