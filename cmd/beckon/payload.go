package main

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// maxPayload is the limit of a content and of a response, in bytes.
const maxPayload = 16 << 10

// content returns the value of --content, which may be "-" for standard input.
func (p *program) content(value string) (string, error) {
	if value == "-" {
		b, err := io.ReadAll(io.LimitReader(p.stdin, maxPayload+1))
		if err != nil {
			return "", fmt.Errorf("reading the content from standard input: %w", err)
		}
		value = string(b)
	}
	return value, checkPayload("the content", value)
}

func checkPayload(what, value string) error {
	if len(value) > maxPayload {
		return usagef("send a reference to it instead", "%s is longer than 16 KiB", what)
	}
	if !utf8.ValidString(value) {
		return usagef("encode it, for example with base64", "%s is not UTF-8 text", what)
	}
	return nil
}

// duration reads a flag's value between min and max; "" is 0.
func duration(flag, value string, least, most time.Duration) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, usagef("write it like 30s or 2m", "--%s: %q is not a duration", flag, value)
	}
	if d < least || d > most {
		return 0, usagef("write it like 30s or 2m", "--%s must be from %s to %s", flag, least, most)
	}
	return d, nil
}
