package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

func (p *program) explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say why an invitation did or did not ring",
		ArgsUsage: "ID",
		Description: `Shows what happened step by step, and at the end why it did or did not ring
and what to change. A unique beginning of the id is enough. The other device
is asked for its steps, too, for at most 3 s; it tells them only if its
beckond runs with --share-timeline. Its times are fitted in by the messages
that one device wrote and the other read, not by the wall clocks.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "merge", Value: true, Usage: "ask the other device, too", DefaultText: "true"},
		},
		Action: p.explain,
	}
}

func (p *program) explain(c *cli.Context) error {
	id, err := p.findInvitation(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	ctx, cancel := quick(c.Context)
	defer cancel()
	x, err := p.client.Explain(ctx, id, c.Bool("merge"))
	if err != nil {
		return err
	}
	if p.json {
		printJSON(p.stdout, x)
		return nil
	}
	p.timeline(x)
	return nil
}

// otherWords say why there are only the steps of this device.
var otherWords = map[string]string{
	api.OtherOff:         "the other device does not share its steps (beckond --share-timeline there would)",
	api.OtherUnreachable: "the other device could not be asked for its steps",
	api.OtherUnsupported: "the other device runs a beckond that cannot tell its steps",
	api.OtherUnknown:     "the other device knows nothing of this invitation",
	api.OtherBusy:        "the other device was asked too often; try again in some seconds",
}

// timeline prints the steps, then the verdict.
func (p *program) timeline(x api.Explanation) {
	width := 0
	for _, s := range x.Steps {
		width = max(width, utf8.RuneCountInString(sinceText(s.SinceMS)))
	}
	for _, s := range x.Steps {
		side := ""
		if x.Other == api.OtherMerged {
			side = fmt.Sprintf("%-5s  ", clean(s.Side))
		}
		fmt.Fprintf(p.stdout, "%*s  %s%s\n", width, sinceText(s.SinceMS), side, clean(s.Text))
	}
	if len(x.Steps) == 0 {
		p.note("its steps were not kept, or are forgotten by now")
	}
	if words := otherWords[x.Other]; words != "" {
		p.note("%s", words)
	}
	if a := x.Alignment; a != nil {
		p.note("%s", alignmentText(*a))
	}
	for _, w := range x.Verdict.Warnings {
		fmt.Fprintf(p.stdout, "%s: %s\n", p.paint(yellow, "note"), clean(w.Sentence))
	}
	colour := red
	if x.Verdict.Rang {
		colour = green
	}
	verdict := p.paint(colour, clean(x.Verdict.Sentence)) + "."
	if x.Verdict.Advice != "" {
		verdict += " What to do: " + clean(x.Verdict.Advice)
		if !strings.HasSuffix(verdict, "?") {
			verdict += "."
		}
	}
	fmt.Fprintln(p.stdout, verdict)
}

// sinceText is a time on the timeline.
func sinceText(ms float64) string {
	sign := "+"
	if ms < 0 {
		sign, ms = "-", -ms
	}
	switch d := time.Duration(ms * float64(time.Millisecond)); {
	case d < time.Minute:
		return fmt.Sprintf("%s%.3f s", sign, d.Seconds())
	default:
		return sign + span(d)
	}
}

func alignmentText(a api.Alignment) string {
	switch {
	case a.Pairs == 0:
		return "the times there could not be fitted to the times here: the devices have no message in common"
	case a.WithinMS == nil:
		return "the times there are fitted by messages of one direction only: they may be early or late by what a message took"
	}
	return fmt.Sprintf("the times there are fitted by %d messages, to within %.1f ms", a.Pairs, *a.WithinMS)
}
