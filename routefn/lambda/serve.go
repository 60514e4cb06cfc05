package lambda

import (
	"context"

	aws "github.com/aws/aws-lambda-go/lambda"
)

// RuntimeAPI is the environment variable in which Lambda passes the address of the
// runtime API. From there a program gets its events.
const RuntimeAPI = "AWS_LAMBDA_RUNTIME_API"

// Serve fetches events from the runtime API and answers them. It blocks until ctx ends.
// An event that is not an HTTP request is logged, and its invocation fails.
//
// AWS's package has the loop, and the loop ends only with the process. When Serve
// returns, the loop still waits for an event, so the program has to end. That cuts off no
// invocation, because Lambda ends a process only between invocations. If the runtime API
// goes away, the loop ends the process by itself.
func (f *Function) Serve(ctx context.Context) {
	go aws.Start(loop{f})
	<-ctx.Done()
}

// loop is the handler that AWS's loop calls.
type loop struct{ *Function }

// Invoke answers an event, and logs an event that it cannot answer.
func (l loop) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	b, err := l.Function.Invoke(ctx, payload)
	if err != nil {
		l.cfg.Logger.Error("event was not answered", "err", err)
	}
	return b, err
}
