package records

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPoolBoundsWhatComputes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(2)
		var mu sync.Mutex
		var runs, most, ended int
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			runs += n
			most = max(most, runs)
		}
		for range 20 {
			p.Go(func() {
				for range 3 {
					count(1)
					time.Sleep(time.Second) // it computes
					count(-1)
					p.Leave()
					time.Sleep(time.Minute) // it waits for its peer
					p.Enter()
				}
				mu.Lock()
				ended++
				mu.Unlock()
				p.Leave()
			})
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if most != 2 || ended != 20 {
			t.Errorf("%d at once, and %d ended", most, ended)
		}
	})
}

func TestHandshakesThatBeganGoOnFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(1)
		var mu sync.Mutex
		var order []string
		add := func(who string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, who)
		}
		peer := make(chan struct{})
		p.Go(func() {
			p.Leave()
			<-peer
			p.Enter()
			add("the one that began")
			p.Leave()
		})
		synctest.Wait()
		for range 3 {
			p.Go(func() {
				time.Sleep(time.Second)
				add("another")
				p.Leave()
			})
		}
		close(peer)
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"another", "the one that began", "another", "another"}; !slices.Equal(order, want) {
			t.Errorf("the order is %q", order)
		}
	})
}
