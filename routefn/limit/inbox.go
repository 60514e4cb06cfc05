package limit

// Places says how many messages may wait in an inbox, which means that no device of its
// owner has fetched them yet.
type Places struct {
	All       int // of all senders together
	Sender    int // messages of one sender
	Strangers int // messages of all senders together who are no contacts of the owner
}

// PlacesOf returns the places of an inbox that keeps count messages. One sender has a
// tenth of them. All strangers together have half. So even if very many strangers write,
// contacts can still write, too.
func PlacesOf(count int) Places {
	return Places{All: max(1, count), Sender: max(1, count/10), Strangers: max(1, count/2)}
}
