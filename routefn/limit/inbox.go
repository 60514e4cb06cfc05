package limit

// Places are the places of an inbox for messages that wait: no device of its owner has
// fetched them yet. All, Sender and Strangers are numbers of messages.
type Places struct {
	All       int // of all senders together
	Sender    int // of one sender
	Strangers int // of all senders together who are no contacts of the owner
}

// PlacesOf returns the places of an inbox that keeps count messages. One sender has a
// tenth of them. All strangers together have half. So however many strangers conspire,
// contacts can still write.
func PlacesOf(count int) Places {
	return Places{All: max(1, count), Sender: max(1, count/10), Strangers: max(1, count/2)}
}
