package record

// operations are the values of the label op, one for each kind of call to the store.
var operations = []string{
	"account", "ack", "append", "cancel", "change", "claim", "clock", "close", "create", "cursors", "decide", "drop", "due", "end", "enter", "erase", "find", "finish", "groups", "intend",
	"issue", "key", "logout", "look", "make", "members", "open", "pull", "put", "reconcile", "register", "report", "reports", "schedule", "scheduled", "sessions", "settle", "sweep",
	"take", "tidy", "token", "tried", "trim", "try",
}
