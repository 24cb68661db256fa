package wanted

// ConnectionEvents are all that exist; that a connection became available is not among them.
var ConnectionEvents = []string{"Accept", "Connect", "Delete", "Reject"}
