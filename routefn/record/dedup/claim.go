package dedup

import "github.com/cim-go/cim/routefn/record/op"

// Claim claims ids of one sender. The caller sends the op of Make. If First then returns
// an op, the caller sends that op, too. Then it calls Second. After that, Had and Fresh
// have the result.
type Claim struct {
	Op *op.Op

	index  *Index
	user   int64
	now    int64
	hash   string // key of the present generation
	fields []string
	uses   []Use
	had    []Use // zero: the id was not known
	others []string
	second *op.Op
	sized  bool // Op also asks how many ids there are
	oldest bool // Op also asks for the result of Oldest
}

// Claim returns a claim of ids at the time now, in ms by the store's clock. If the
// parameter note is set, it looks for the ids in the present generation only. That is
// enough for ids that are new as far as anybody knows.
func (x *Index) Claim(user, now int64, note bool) *Claim {
	c := &Claim{index: x, user: user, now: now, hash: key(user, now/x.keep)}
	if !note {
		c.others = x.others(user, now)
	}
	return c
}

// Add adds an id, and what it shall stand for.
func (c *Claim) Add(id string, u Use) {
	c.fields, c.uses = append(c.fields, fieldOf(id)), append(c.uses, u)
}

// AskOldest makes the op also ask for the result of Oldest.
func (c *Claim) AskOldest() { c.oldest = len(c.others) > 0 }

// Make makes the op of the claim. All steps of the op are one transaction, so that Rotate
// cannot replace a hash in between.
func (c *Claim) Make() *op.Op {
	steps := make([][]any, 0, len(c.fields)+len(c.others)+3)
	hash := any(c.hash)
	for i, field := range c.fields {
		steps = append(steps, []any{"hsetnx", hash, field, c.uses[i].encode()})
		c.sized = c.sized || field[0] < 4 // one claim in 64 is enough to notice a full generation
	}
	for _, other := range c.others {
		steps = append(steps, c.read(other))
	}
	if c.oldest {
		steps = append(steps, []any{"hget", c.others[0], begun})
	}
	if c.sized {
		steps = append(steps, []any{"hlen", c.hash})
	}
	if !c.index.expires(c.user, c.now) {
		steps = append(steps, []any{"pexpire", c.hash, c.index.life()})
	}
	c.Op = op.Write(c.hash, steps...)
	return c.Op
}

func (c *Claim) read(from string) []any {
	step := []any{"hmget", from}
	for _, field := range c.fields {
		step = append(step, field)
	}
	return step
}

// First reads the answer of the op of Make. It returns the op that must be sent next, or
// nil if no id was known. For the known ids, that op reads the uses in the present
// generation. If an older generation has an id, the claim has written a new use for it.
// The op then puts the old use back.
func (c *Claim) First() *op.Op {
	c.index.expiring.Put(c.user, c.now/c.index.keep)
	c.had = make([]Use, len(c.fields))
	if len(c.others) == 0 {
		return nil
	}
	restore, known := []any{"hset", c.hash}, false
	for i, field := range c.fields {
		for j := range c.others {
			values, _ := c.Op.Reply[len(c.fields)+j].([]any)
			if i < len(values) {
				c.note(i, op.Text(values[i]))
			}
		}
		if c.had[i] != (Use{}) {
			restore = append(restore, field, c.had[i].encode())
		}
		known = known || c.taken(i) || c.had[i] != (Use{})
	}
	if !known {
		return nil
	}
	steps := [][]any{c.read(c.hash)}
	if len(restore) > 2 {
		steps = append(steps, restore)
	}
	c.second = op.Write(c.hash, steps...)
	return c.second
}

// Second reads the answer of the op that First returned, if it returned one.
func (c *Claim) Second() {
	if c.second == nil {
		return
	}
	values, _ := c.second.Reply[0].([]any)
	for i := range c.fields {
		if i < len(values) && c.taken(i) { // otherwise the value is that of this claim
			c.note(i, op.Text(values[i]))
		}
	}
}

// note remembers what an id stood for. If two generations have it, the older use counts.
func (c *Claim) note(i int, value string) {
	if u, ok := decode(value); ok && (c.had[i] == (Use{}) || u.At < c.had[i].At) {
		c.had[i] = u
	}
}

// taken reports whether the present generation had the id i.
func (c *Claim) taken(i int) bool { return op.Integer(c.Op.Reply[i]) == 0 }

// Had returns what the id i stood for before, or false.
func (c *Claim) Had(i int) (Use, bool) { return c.had[i], c.had[i] != (Use{}) }

// Fresh reports whether the claim is the first one of the id i.
func (c *Claim) Fresh(i int) bool { return !c.taken(i) && c.had[i] == (Use{}) }

// Oldest returns the time in ms since which all ids of the sender are remembered.
func (c *Claim) Oldest() int64 {
	oldest := c.now - c.index.keep
	if c.oldest {
		oldest = max(oldest, op.Integer(c.Op.Reply[len(c.fields)+len(c.others)]))
	}
	return oldest
}

// Full reports whether the sender has so many ids that Index.Rotate should be called.
func (c *Claim) Full() bool {
	size := len(c.fields) + len(c.others)
	if c.oldest {
		size++
	}
	return c.sized && op.Integer(c.Op.Reply[size]) >= int64(c.index.most)
}

// Release returns the op that forgets the id i, unless somebody has claimed it since.
func (c *Claim) Release(i int) *op.Op {
	return &op.Op{
		Key: c.hash, Script: releaseScript, Keys: []string{c.hash},
		Args: []any{c.fields[i], c.uses[i].encode()}, Write: true,
	}
}

// For the id i, Move returns the op that changes the time of its claim. It is for an id
// whose first claim came to nothing, and whose message was stored at another time.
func (c *Claim) Move(i int, at int64) *op.Op {
	moved := c.uses[i]
	moved.At = at
	return op.Write(c.hash, []any{"hset", c.hash, c.fields[i], moved.encode()})
}
