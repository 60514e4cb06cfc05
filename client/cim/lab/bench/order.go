package bench

import "fmt"

// Check counts the outcomes of the messages. Each message must be accepted, come to each
// of its receivers once, and stand in the log in the order of sending.
type Check struct {
	Messages   int64 `json:"messages"`   // how many deliveries were checked
	Unanswered int64 `json:"unanswered"` // messages that were neither accepted nor refused
	Lost       int64 `json:"lost"`       // deliveries
	Twice      int64 `json:"twice"`      // deliveries
	Swapped    int64 `json:"swapped"`    // messages that stand in the log before an earlier one
	Early      int64 `json:"early"`      // deliveries that came before the delivery of an earlier message; a client of the SDK puts them in order
}

// Broken reports whether the promise was broken. It also returns true if a client of the
// SDK would have had to fetch a missing delivery, or to drop a doubled one.
func (c Check) Broken() bool { return c.Unanswered+c.Lost+c.Twice+c.Swapped > 0 }

// String returns the counts in a sentence.
func (c Check) String() string {
	return fmt.Sprintf("checked %d deliveries: %d lost, %d twice, %d before an earlier one; messages: %d without an answer, %d out of order in the log",
		c.Messages, c.Lost, c.Twice, c.Early, c.Unanswered, c.Swapped)
}

func (c *Check) add(o Check) {
	c.Messages += o.Messages
	c.Unanswered += o.Unanswered
	c.Lost += o.Lost
	c.Twice += o.Twice
	c.Swapped += o.Swapped
	c.Early += o.Early
}

// order notes which of the numbers 0, 1, 2 and so on have come.
type order struct {
	next  int              // the lowest number that has not come
	early map[int]struct{} // numbers above next that have come; nil: none
}

// note records a number that came, and counts it in c if it is early or a repetition.
func (o *order) note(n int, c *Check) {
	switch _, early := o.early[n]; {
	case n == o.next:
		o.next++
		for o.took(o.next) {
			o.next++
		}
	case n < o.next || early:
		c.Twice++
	default:
		if o.early == nil {
			o.early = make(map[int]struct{})
		}
		o.early[n] = struct{}{}
		c.Early++
	}
}

// took removes n from early, and reports whether it was there.
func (o *order) took(n int) bool {
	_, ok := o.early[n]
	delete(o.early, n)
	return ok
}

// missing returns how many numbers have not come, of those below the parameter end.
func (o *order) missing(end int) int64 {
	return int64(max(0, end-o.next-len(o.early)))
}

// rise checks that a message's place in a log is after the place of the message before. A
// place of zero is not known.
func rise(c *Check, last *int64, place int64) {
	if place > 0 && place <= *last {
		c.Swapped++
	}
	*last = max(*last, place)
}
