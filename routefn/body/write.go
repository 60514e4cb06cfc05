package body

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// A Format writes answers and errors in the form for one kind of callers.
type Format struct {
	Answer func(w http.ResponseWriter, answer any)
	Fail   func(w http.ResponseWriter, status int, err *proto.Error)
}

// JSON is the format for clients, and Protobuf is the format for nodes. Nodes, too, get
// errors as JSON.
var (
	JSON     = Format{Answer: writeJSON, Fail: Fail}
	Protobuf = Format{Answer: WriteProtobuf, Fail: Fail}
)

// Forms is an answer with two forms. JSON returns the bytes of the answer.
type Forms interface {
	JSON() []byte
	Protobuf() pb.Message
}

// Accepted returns the format for a client. It is JSON, with one exception. A request that
// accepts nothing but protobuf gets protobuf if the answer has Forms.
func Accepted(r *http.Request) Format {
	if r.Header.Get("Accept") != proto.ContentProtobuf {
		return JSON
	}
	return Format{Answer: writeAccepted, Fail: Fail}
}

func writeAccepted(w http.ResponseWriter, answer any) {
	if a, ok := answer.(Forms); ok {
		WriteProtobuf(w, a.Protobuf())
		return
	}
	writeJSON(w, answer)
}

func writeJSON(w http.ResponseWriter, answer any) {
	if a, ok := answer.(Forms); ok {
		Write(w, http.StatusOK, contentJSON, a.JSON())
		return
	}
	WriteJSON(w, http.StatusOK, answer)
}

// WriteJSON answers with the status, and with the value of the parameter answer as JSON.
// It panics if the value cannot be encoded, because all answers are types of this project.
func WriteJSON(w http.ResponseWriter, status int, answer any) {
	b, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	Write(w, status, contentJSON, b)
}

// WriteProtobuf answers 200 with the value of the parameter answer, which must be a
// protobuf message.
func WriteProtobuf(w http.ResponseWriter, answer any) {
	b, err := pb.Marshal(answer.(pb.Message))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	Write(w, http.StatusOK, proto.ContentProtobuf, b)
}

// Write answers with the status and the bytes. If the status allows a retry, it sets
// Retry-After, unless w has that header already.
func Write(w http.ResponseWriter, status int, contentType string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if wait := RetryAfter(status); wait > 0 && h.Get("Retry-After") == "" {
		h.Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // this fails only if the client has left
}

// Fail answers with the status and the error as JSON.
func Fail(w http.ResponseWriter, status int, err *proto.Error) {
	WriteJSON(w, status, ErrorAnswer(err))
}

// ErrorAnswer returns the error in the form in which clients and nodes read it.
func ErrorAnswer(err *proto.Error) proto.ErrorAnswer {
	return proto.ErrorAnswer{Code: err.Code, Name: err.Code.String(), Message: err.Error()}
}

// A refused caller without an assigned retry time retries after 1 to 3 s, at random. So
// callers that came together do not retry together.
const (
	leastRetryAfter = 1 // seconds, the unit of the header
	mostRetryAfter  = 3
)

// RetryAfter returns how long a caller should wait before it retries a request that got
// the status. The time is in whole seconds. It is zero if a retry would not help.
func RetryAfter(status int) time.Duration {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	return time.Duration(leastRetryAfter+rand.IntN(mostRetryAfter-leastRetryAfter+1)) * time.Second
}
