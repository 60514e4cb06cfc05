package limit

// Places has the numbers of messages that may wait in an inbox. A message waits until a
// device of the inbox's owner fetches it.
type Places struct {
	All       int // of all senders together
	Sender    int // messages of one sender
	Strangers int // messages of all senders who are no contacts of the owner, together
}

// PlacesOf returns the places of an inbox. The parameter count is how many messages the
// inbox keeps. One sender has a tenth of the places, and all strangers together have
// half. So even if very many strangers write, contacts can still write, too.
func PlacesOf(count int) Places {
	return Places{All: max(1, count), Sender: max(1, count/10), Strangers: max(1, count/2)}
}
