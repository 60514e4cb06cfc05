package faas

import (
	"errors"
	"io"
	"net/http"
)

// Front is an HTTP front end of a Function.
type Front struct {
	Function *Function
	Shape    Shape
}

// ServeHTTP turns a request into an event, and the function's answer into a response.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	if errors.As(err, new(*http.MaxBytesError)) {
		fail(w, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		fail(w, http.StatusBadRequest)
		return
	}
	payload, err := f.Shape.Event(r, body)
	if err != nil {
		fail(w, http.StatusBadRequest)
		return
	}
	answer, err := f.Function.Invoke(r.Context(), payload)
	if err != nil {
		fail(w, f.Shape.statusOf(err))
		return
	}
	response, err := f.Shape.Response(answer)
	if err != nil {
		fail(w, http.StatusBadGateway)
		return
	}
	response.write(w)
}

// Response is what a function answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

func (r Response) write(w http.ResponseWriter) {
	for name, values := range r.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body) // the client is gone, so nobody would get the error
}

// fail answers with a status alone. Like a real front end, it passes on nothing that the
// function reported.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"message":"`+http.StatusText(status)+`"}`)
}
