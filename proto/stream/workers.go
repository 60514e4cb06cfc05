package stream

import "sync"

// keptWorkers is how many goroutines of a stream wait for its next call.
const keptWorkers = 4

// workers carry out the calls of one stream. Some stay when they are done: a
// goroutine that has carried out a call has a stack that is large enough, which a
// new one has to grow, at a tenth of what a small call costs.
type workers struct {
	room    chan struct{} // has one for each call in progress
	work    chan func()   // taken by those that wait
	idle    chan struct{} // has one for each of them
	running sync.WaitGroup
}

func newWorkers(most int) *workers {
	return &workers{make(chan struct{}, most), make(chan func()), make(chan struct{}, keptWorkers), sync.WaitGroup{}}
}

// do has call carried out, and blocks while as many as may be are in progress. It
// and end are called by one goroutine.
func (w *workers) do(call func()) {
	w.room <- struct{}{}
	select {
	case w.work <- call:
	default:
		w.running.Go(func() { w.run(call) })
	}
}

func (w *workers) run(call func()) {
	for call != nil {
		call()
		<-w.room
		select {
		case w.idle <- struct{}{}:
		default:
			return
		}
		call = <-w.work // nil when it is closed
		<-w.idle
	}
}

// end blocks until all calls are done.
func (w *workers) end() {
	close(w.work)
	w.running.Wait()
}
