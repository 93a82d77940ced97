package main

import "context"

type damage struct{ fault, found string }

func (l *lab) damages(ctx context.Context) error { return nil }
