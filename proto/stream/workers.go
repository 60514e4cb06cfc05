package stream

import "sync"

// keptWorkers is the largest number of a stream's goroutines that wait for a call.
const keptWorkers = 4

// workers runs the calls of one stream. Up to keptWorkers goroutines are reused, because
// a new goroutine has to grow its stack. That takes a tenth of the time of a small call.
type workers struct {
	room    chan struct{} // has one element per call in progress
	work    chan func()   // the waiting goroutines receive from it
	idle    chan struct{} // has one element per goroutine that waits
	running sync.WaitGroup
}

func newWorkers(most int) *workers {
	return &workers{make(chan struct{}, most), make(chan func()), make(chan struct{}, keptWorkers), sync.WaitGroup{}}
}

// do runs the function call in a goroutine. It blocks while the largest number of calls
// is in progress. Only one goroutine may call do and end.
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
		call = <-w.work // nil after end was called
		<-w.idle
	}
}

// end blocks until all calls are done.
func (w *workers) end() {
	close(w.work)
	w.running.Wait()
}
