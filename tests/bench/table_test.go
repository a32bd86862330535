package bench

import (
	"strings"
	"testing"
)

func TestVerdictsFollowMustAndAim(t *testing.T) {
	for _, x := range []struct {
		got, want verdict
	}{
		{more(100, 50, 100), aim},
		{more(50, 50, 100), must},
		{more(42, 50, 100), miss},
		{more(41, 50, 100), far},
		{less(2, 5, 2), aim},
		{less(5, 5, 2), must},
		{less(6, 5, 2), miss},
		{less(6.1, 5, 2), far},
		{worse(aim, miss), miss},
	} {
		if x.got != x.want {
			t.Errorf("verdict %q, want %q", x.got, x.want)
		}
	}
}

func TestRowThatMissesByFarIsAnErrorBehindTheTable(t *testing.T) {
	var out strings.Builder
	err := printTable(&out, []line{
		{what: "a", measured: "1", must: "2", aim: "3", verdict: far},
		{what: "b", measured: "3", floor: "4", share: "75 %", must: "2", aim: "3", verdict: aim},
	})
	if err == nil {
		t.Error("no error")
	}
	if want := "| b | 3 | 4 | 75 % | 2 | 3 | aim reached |\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed\n%s\nwithout\n%s", out.String(), want)
	}
}
