package recent

import (
	"sync"
	"testing"
)

func TestValuesThatAreReadStay(t *testing.T) {
	var c Cache[int, string]
	c.Put(-1, "read")
	c.Put(-2, "not read")
	for i := range 2 * size {
		c.Put(i, "other")
		if i%1000 == 0 {
			if v, ok := c.Get(-1); !ok || v != "read" {
				t.Fatalf("after %d others: %q, %v", i, v, ok)
			}
		}
	}
	if v, ok := c.Get(-2); ok {
		t.Errorf("%q, which was not read, is still there", v)
	}
	if len(c.young) > size || len(c.old) > size {
		t.Errorf("%d and %d values are kept", len(c.young), len(c.old))
	}
}

func TestDroppedValueIsGoneFromBothGenerations(t *testing.T) {
	var c Cache[int, int]
	c.Put(-1, 1)
	for i := range size {
		c.Put(i, i)
	}
	c.Put(-1, 2)
	c.Drop(-1)
	if v, ok := c.Get(-1); ok {
		t.Errorf("%d is still there", v)
	}
}

func TestChangesAtOnceAllCount(t *testing.T) {
	var c Cache[string, int]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				c.Change("a", func(n int) int { return n + 1 })
			}
		})
	}
	all.Wait()
	if n, _ := c.Get("a"); n != 8000 {
		t.Errorf("%d changes of 8000 counted", n)
	}
}
