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

// A Format writes the answers and the errors of one kind of callers.
type Format struct {
	Answer func(w http.ResponseWriter, answer any)
	Fail   func(w http.ResponseWriter, status int, err *proto.Error)
}

// The formats of clients and of nodes. Nodes get their errors as JSON, too.
var (
	JSON     = Format{Answer: writeJSON, Fail: Fail}
	Protobuf = Format{Answer: WriteProtobuf, Fail: Fail}
)

func writeJSON(w http.ResponseWriter, answer any) { WriteJSON(w, http.StatusOK, answer) }

// WriteJSON answers with the status and with answer as JSON. It panics if answer
// cannot be encoded, because all answers are types of this project.
func WriteJSON(w http.ResponseWriter, status int, answer any) {
	b, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	Write(w, status, "application/json", b)
}

// WriteProtobuf answers 200 with answer, which is a protobuf message.
func WriteProtobuf(w http.ResponseWriter, answer any) {
	b, err := pb.Marshal(answer.(pb.Message))
	if err != nil {
		panic(fmt.Sprintf("answer cannot be encoded: %v", err))
	}
	Write(w, http.StatusOK, proto.ContentProtobuf, b)
}

// Write answers with the status and the bytes. It sets Retry-After where the status
// allows a retry and the caller has not set it.
func Write(w http.ResponseWriter, status int, contentType string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if wait := RetryAfter(status); wait > 0 && h.Get("Retry-After") == "" {
		h.Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // it fails only if the caller has left
}

// Fail answers with the status and the error as JSON.
func Fail(w http.ResponseWriter, status int, err *proto.Error) {
	WriteJSON(w, status, ErrorAnswer(err))
}

// ErrorAnswer returns the error as callers read it.
func ErrorAnswer(err *proto.Error) proto.ErrorAnswer {
	return proto.ErrorAnswer{Code: err.Code, Name: err.Code.String(), Message: err.Error()}
}

// A caller without a place in line must retry after 1 to 3 s, at random, so that
// callers that came together do not retry together.
const (
	leastRetryAfter = 1 // seconds, the unit of the header
	mostRetryAfter  = 3
)

// RetryAfter returns how long a caller should wait before it retries a request that got
// the status. It is in whole seconds, or zero if a retry would not help.
func RetryAfter(status int) time.Duration {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	return time.Duration(leastRetryAfter+rand.IntN(mostRetryAfter-leastRetryAfter+1)) * time.Second
}
