package lambda

import (
	"context"

	aws "github.com/aws/aws-lambda-go/lambda"
)

// RuntimeAPI is the environment variable in which Lambda tells a program where its
// events come from.
const RuntimeAPI = "AWS_LAMBDA_RUNTIME_API"

// Serve asks the runtime API for events until ctx ends. It blocks. An event that
// is no HTTP request is an error of its invocation, and logged.
//
// The loop is AWS's, which ends with the process and no sooner: when Serve returns
// it still waits for an event, and the program has to end. Lambda asks a process
// to end only between invocations. The loop ends the process by itself when the
// runtime API goes away.
func (f *Function) Serve(ctx context.Context) {
	go aws.Start(loop{f})
	<-ctx.Done()
}

// loop is what AWS's loop calls.
type loop struct{ *Function }

// Invoke answers an event and tells the log of what it cannot answer.
func (l loop) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	b, err := l.Function.Invoke(ctx, payload)
	if err != nil {
		l.cfg.Logger.Error("event was not answered", "err", err)
	}
	return b, err
}
