import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** As much of JSON as a task and a report need; the JDK brings none. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> read(String text) {
        return (Map<String, Object>) new Json(text).value();
    }

    static String written(Object value) {
        StringBuilder text = new StringBuilder();
        write(value, text);
        return text.toString();
    }

    private Object value() {
        char first = next();
        if (first == '{') {
            at++;
            Map<String, Object> members = new LinkedHashMap<>();
            while (next() != '}') {
                String name = string();
                expect(':');
                members.put(name, value());
                skip(',');
            }
            at++;
            return members;
        }
        if (first == '[') {
            at++;
            List<Object> items = new ArrayList<>();
            while (next() != ']') {
                items.add(value());
                skip(',');
            }
            at++;
            return items;
        }
        return first == '"' ? string() : word();
    }

    private Object word() {
        int start = at;
        while (at < text.length() && ",]}".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(start, at).trim();
        switch (word) {
            case "true":
                return true;
            case "false":
                return false;
            case "null":
                return null;
            default:
                return Integer.valueOf(word);
        }
    }

    private String string() {
        expect('"');
        StringBuilder found = new StringBuilder();
        while (text.charAt(at) != '"') {
            char each = text.charAt(at++);
            found.append(each == '\\' ? escaped() : each);
        }
        at++;
        return found.toString();
    }

    private char escaped() {
        char each = text.charAt(at++);
        if (each == 'u') {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 4, at), 16);
        }
        int known = "nrtbf".indexOf(each);
        return known < 0 ? each : "\n\r\t\b\f".charAt(known);
    }

    /** The next character that is no space. */
    private char next() {
        while (Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return text.charAt(at);
    }

    private void expect(char wanted) {
        if (next() != wanted) {
            throw new IllegalArgumentException("expected " + wanted + " at " + at);
        }
        at++;
    }

    private void skip(char optional) {
        if (next() == optional) {
            at++;
        }
    }

    private static void write(Object value, StringBuilder text) {
        if (value instanceof Map) {
            String separator = "{";
            for (Map.Entry<?, ?> member : ((Map<?, ?>) value).entrySet()) {
                text.append(separator);
                write(member.getKey().toString(), text);
                text.append(':');
                write(member.getValue(), text);
                separator = ",";
            }
            text.append(separator.equals("{") ? "{}" : "}");
        } else if (value instanceof Iterable) {
            text.append('[');
            String separator = "";
            for (Object item : (Iterable<?>) value) {
                text.append(separator);
                write(item, text);
                separator = ",";
            }
            text.append(']');
        } else if (value instanceof String) {
            quote((String) value, text);
        } else {
            text.append(value);
        }
    }

    private static void quote(String value, StringBuilder text) {
        text.append('"');
        for (char each : value.toCharArray()) {
            if (each == '"' || each == '\\') {
                text.append('\\').append(each);
            } else if (each < ' ' || each > '~') {
                text.append(String.format("\\u%04x", (int) each));
            } else {
                text.append(each);
            }
        }
        text.append('"');
    }
}
