package bench

// Check is what became of the messages: every one that was accepted must have
// come to each of its receivers, once. Numbers are the senders' own, and the
// logs' where a server tells them.
type Check struct {
	Messages int64 `json:"messages"` // deliveries looked at
	Lost     int64 `json:"lost"`
	Twice    int64 `json:"twice"`
	Early    int64 `json:"early"` // came before an earlier one: a client puts them in order
}

// Broken reports whether a client of the SDK would have had to fetch something
// that was not delivered, or to drop something.
func (c Check) Broken() bool { return c.Lost > 0 || c.Twice > 0 }

func (c *Check) add(o Check) {
	c.Messages += o.Messages
	c.Lost += o.Lost
	c.Twice += o.Twice
	c.Early += o.Early
}

// order looks at dense numbers as they come.
type order struct {
	next  int              // the lowest that has not come
	early map[int]struct{} // those above it that have; nil: none
}

// note takes a number that came.
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

// took takes n out of the early ones.
func (o *order) took(n int) bool {
	_, ok := o.early[n]
	delete(o.early, n)
	return ok
}

// missing returns how many of the numbers below end have not come.
func (o *order) missing(end int) int64 {
	return int64(max(0, end-o.next-len(o.early)))
}
