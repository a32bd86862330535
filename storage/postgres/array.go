package postgres

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// arrays is rows as one array literal for each column.
func arrays(columns int, rows []sqlstore.Row) []any {
	return literals(columns, len(rows), func(row int) []any { return rows[row].Values })
}

func literals(columns, rows int, values func(row int) []any) []any {
	args := make([]any, columns)
	var text []byte
	for column := range columns {
		text = append(text[:0], '{')
		for row := range rows {
			if row > 0 {
				text = append(text, ',')
			}
			text = appendElement(text, values(row)[column])
		}
		args[column] = string(append(text, '}'))
	}
	return args
}

// appendElement appends v in the form that it has inside an array literal.
func appendElement(text []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(text, "NULL"...)
	case int64:
		return strconv.AppendInt(text, v, 10)
	case string:
		return appendQuoted(text, v)
	case []byte:
		if v == nil {
			return append(text, "NULL"...)
		}
		text = append(text, `"\\x`...)
		text = hex.AppendEncode(text, v)
		return append(text, '"')
	default:
		return appendQuoted(text, fmt.Sprint(v))
	}
}

func appendQuoted(text []byte, s string) []byte {
	text = append(text, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			text = append(text, '\\')
		}
		text = append(text, s[i])
	}
	return append(text, '"')
}
