-- What is told and not applied is listed, newest first.
CREATE INDEX inbox_state ON inbox (tenant, state, at, id);
