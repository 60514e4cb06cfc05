// Package secretsmanager reads secrets from AWS Secrets Manager. It makes one signed
// request, without AWS's SDK, which would be larger than the rest of a function.
//
// Credentials come from the environment, where Lambda puts those of the function's role:
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. They are read again each
// time. The region comes from the secret's ARN. As with AWS's own tools,
// AWS_ENDPOINT_URL_SECRETS_MANAGER names another endpoint.
package secretsmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxAnswer bounds an answer in bytes. A secret may have 64 KiB, and the answer has
// other fields, too.
const maxAnswer = 128 << 10

// Read returns the current value of the secret arn. Errors never contain the value.
func Read(ctx context.Context, arn string) (string, error) {
	request, err := newRequest(ctx, arn)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", arn, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", arn, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", arn, err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("secret %s: %s%s", arn, answer.Status, reason(body))
	}
	var value struct{ SecretString string }
	if err := json.Unmarshal(body, &value); err != nil || value.SecretString == "" {
		return "", fmt.Errorf("secret %s has no text", arn)
	}
	return value.SecretString, nil
}

func newRequest(ctx context.Context, arn string) (*http.Request, error) {
	parts := strings.Split(arn, ":")
	if len(parts) < 7 || parts[0] != "arn" || parts[2] != "secretsmanager" {
		return nil, errors.New("want arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME")
	}
	region := parts[3]
	keys := credentials{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}
	if keys.id == "" || keys.secret == "" {
		return nil, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER")
	if endpoint == "" {
		endpoint = "https://secretsmanager." + region + ".amazonaws.com"
		if parts[1] == "aws-cn" {
			endpoint += ".cn"
		}
	}
	body, err := json.Marshal(map[string]string{"SecretId": arn})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	sign(request, body, keys, region, "secretsmanager", time.Now())
	return request, nil
}

// reason returns the reason for the failure that AWS's answer names.
func reason(body []byte) string {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil || said.Type == "" {
		return ""
	}
	return ": " + said.Type + " " + said.Message
}
