package lambda

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// defaultStage is the stage whose name is not the first part of paths. Function URLs have
// no other stage.
const defaultStage = "$default"

// gateway is the front end of API Gateway's HTTP API with payload 2.0. It is also the
// front end of function URLs, which have the same events without a stage.
var gateway = front{
	request: gatewayRequest,
	answer:  gatewayAnswer,
	most:    6 << 20, // Lambda's own limit for a buffered answer
}

func gatewayRequest(ctx context.Context, payload []byte) (*http.Request, error) {
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	header := make(http.Header, len(e.Headers)+1)
	for name, value := range e.Headers {
		header.Set(name, value)
	}
	if len(e.Cookies) > 0 {
		header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	at := e.RequestContext
	return call{
		method: at.HTTP.Method, path: withoutStage(e.RawPath, at.Stage), query: e.RawQueryString,
		header: header, body: e.Body, isBase64: e.IsBase64Encoded, peer: at.HTTP.SourceIP,
	}.request(ctx)
}

// withoutStage returns the path without the stage with which it begins.
func withoutStage(path, stage string) string {
	if stage == "" || stage == defaultStage {
		return path
	}
	rest, ok := strings.CutPrefix(path, "/"+stage)
	if !ok || rest != "" && rest[0] != '/' {
		return path
	}
	return rest
}

func gatewayAnswer(a *answer) any {
	fields := a.fields()
	cookies := fields.Values("Set-Cookie")
	fields.Del("Set-Cookie")
	body, isBase64 := a.encoded()
	return events.APIGatewayV2HTTPResponse{
		StatusCode: a.status, Headers: joined(fields), Cookies: cookies, Body: body, IsBase64Encoded: isBase64,
	}
}
