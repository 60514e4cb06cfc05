// Package lambda runs an http.Handler as an AWS Lambda function. Lambda's HTTP front
// ends call a function with events. The package turns these into requests, and answers
// into the form that the front ends expect. It knows nothing of routes.
//
// # Events
//
//	payload 2.0    API Gateway's HTTP API, and function URLs (buffered)
//	ALB            a target group of an Application Load Balancer, with and
//	               without multi-value headers
//
// "version" and "requestContext.elb" distinguish them. Any other event, such as one of
// a REST API, a queue or a schedule, is an error of the invocation.
//
// The front ends change a request. The package undoes that as far as it can:
//
//   - Payload 2.0 joins header fields of one name by commas. They stay joined, because
//     a value may have commas of its own. Cookies come in a separate list.
//   - A stage other than $default is the first part of the path, and is removed. So a
//     stage must not have the name of the first part of a path, such as "v1".
//   - ALB passes the query in a map, still escaped. The package sorts its names.
//   - A body is base64 when the event says so.
//
// An answer's body is sent as text if it is UTF-8, and as base64 otherwise. A handler
// that writes nothing has answered 200. Several Set-Cookie fields stay apart in payload
// 2.0 and in multi-value headers. An ALB without multi-value headers gets only the last
// one.
//
// # Time and failure
//
// The handler's context ends earlier than Lambda would end the invocation, by the time
// [Config.Margin]. So if the store does not answer, there is still time for an error
// answer. If a handler panics, the answer is 500, and the instance continues. An answer
// that is too large for the front end (1 MB for ALB, 6 MB for the others) becomes a 413.
//
// The package has one goroutine: AWS's loop, which [Function.Serve] starts. Between
// invocations the process is frozen, so goroutines that a handler leaves running stand
// still.
package lambda
