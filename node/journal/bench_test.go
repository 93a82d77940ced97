package journal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// A ring as it is on a busy day: content of 4 KiB that was stored before.
func benchForm(n int) invitation.Form {
	f := ring(n)
	f.Content = strings.Repeat("a=candidate ", 341)
	return f
}

func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			j, _ := openNew(b)
			forms := make([]invitation.Form, 64)
			commit(b, j, func(b *Batch) {
				for n := range forms {
					forms[n] = benchForm(n)
					b.Put(forms[n])
				}
			})
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				var batch Batch
				for range size {
					f := forms[n%64]
					n++
					f.Deadline++
					batch.Put(f)
					batch.Emit(told(f, invitation.RemoteProgress))
				}
				if err := j.Commit(&batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/form+event")
		})
	}
}

func BenchmarkNewInvitation(b *testing.B) {
	j, _ := openNew(b)
	n := 0
	for b.Loop() {
		var batch Batch
		n++
		f := benchForm(n)
		batch.Put(f)
		batch.Emit(told(f, invitation.RemoteReceived))
		if err := j.Commit(&batch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadTail(b *testing.B) {
	j, _ := openNew(b)
	f := benchForm(1)
	commit(b, j, func(b *Batch) { b.Put(f); b.Emit(told(f, invitation.RemoteReceived)) })
	bench := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if events, _, err := j.Read(0, Filter{Apps: []string{"call"}}, 100); err != nil || len(events) != 1 {
				b.Fatal(events, err)
			}
		}
	}
	b.Run("memory", bench)
	j.tail = tail{}
	b.Run("file", bench)
}

func BenchmarkLoadUnknown(b *testing.B) {
	j, _ := openNew(b)
	commit(b, j, func(b *Batch) {
		for n := range 5000 {
			b.forms = append(b.forms, ring(n))
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, found, err := j.Load(protocol.ID{9}); found || err != nil {
			b.Fatal(found, err)
		}
	}
}
