package faas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// base is the path of the runtime API, in the version that programs speak.
const base = "/2018-06-01/runtime"

// event is an invocation that has no answer yet.
type event struct {
	id       string // set when an instance gets the event
	payload  []byte
	deadline string // milliseconds since 1970
	outcome  chan outcome
}

type outcome struct {
	answer []byte
	err    error
}

// runtimeAPI is the server from which one instance gets its events, and to which it sends
// its answers.
type runtimeAPI struct {
	mux        *http.ServeMux
	events     chan *event   // an event is taken from it when the program asks for one
	resting    chan struct{} // cap 1: the program has asked and waits
	failedInit chan error    // cap 1

	mu      sync.Mutex
	handed  int
	current *event // the event that the instance got and has not answered; nil: there is none
}

func newRuntimeAPI() *runtimeAPI {
	a := &runtimeAPI{
		mux: http.NewServeMux(), events: make(chan *event), resting: make(chan struct{}, 1), failedInit: make(chan error, 1),
	}
	a.mux.HandleFunc("GET "+base+"/invocation/next", a.next)
	a.mux.HandleFunc("POST "+base+"/invocation/{id}/response", a.response)
	a.mux.HandleFunc("POST "+base+"/invocation/{id}/error", a.failure)
	a.mux.HandleFunc("POST "+base+"/init/error", a.initError)
	return a
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// next blocks until there is an event.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case a.resting <- struct{}{}:
	default: // the program asked before, stopped waiting, and asks again
	}
	select {
	case e := <-a.events:
		a.handOut(e)
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", e.deadline)
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:cim")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(e.payload) // if the program is gone, the end of its process shows that
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) handOut(e *event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handed++
	e.id = strconv.Itoa(a.handed)
	a.current = e
}

// answered returns the event with an id, if the instance has it and has not answered it.
func (a *runtimeAPI) answered(id string) (*event, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.current
	if e == nil || e.id != id {
		return nil, false
	}
	a.current = nil
	return e, true
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	e, ok := a.answered(r.PathValue("id"))
	switch {
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
	case errors.As(err, new(*http.MaxBytesError)):
		e.outcome <- outcome{err: &Error{Type: "Function.ResponseSizeTooLarge", Message: "The answer is larger than 6 MB."}}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case err != nil:
		e.outcome <- outcome{err: fmt.Errorf("read answer: %w", err)}
	default:
		e.outcome <- outcome{answer: body}
		w.WriteHeader(http.StatusAccepted)
	}
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	e, ok := a.answered(r.PathValue("id"))
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	e.outcome <- outcome{err: reported(w, r)}
	w.WriteHeader(http.StatusAccepted)
}

func (a *runtimeAPI) initError(w http.ResponseWriter, r *http.Request) {
	select {
	case a.failedInit <- reported(w, r):
	default: // the program has reported that before
	}
	w.WriteHeader(http.StatusAccepted)
}

// reported reads an error that the program reports.
func reported(w http.ResponseWriter, r *http.Request) error {
	failed := new(Error)
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(failed); err != nil {
		return fmt.Errorf("read reported error: %w", err)
	}
	return failed
}
