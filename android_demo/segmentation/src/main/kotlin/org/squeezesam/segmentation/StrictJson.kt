package org.squeezesam.segmentation

/** A JSON text that is damaged, or a value of another type than was asked for; says where. */
internal class JsonError(message: String) : Exception(message)

/**
 * A JSON value with the place where it stands, so that a message can name it.
 *
 * It is here because `org.json` exists on Android alone and the tests of this library run on the
 * JVM. Values are `Map`, `List`, `String`, `Double`, `Boolean` and null; every reader is strict.
 */
internal class Json(val value: Any?, val place: String = "") {
    val isNull: Boolean get() = value == null
    val fields: Map<*, *> get() = value as? Map<*, *> ?: refuse("an object")
    val items: List<Json>
        get() = (value as? List<*> ?: refuse("a list"))
            .mapIndexed { i, item -> Json(item, "$place[$i]") }
    val text: String get() = value as? String ?: refuse("a text")
    val number: Double get() = value as? Double ?: refuse("a number")
    val flag: Boolean get() = value as? Boolean ?: refuse("true or false")
    val int: Int
        get() = number.let { if (it == Math.rint(it) && Math.abs(it) <= Int.MAX_VALUE) it.toInt() else null }
            ?: refuse("a whole number")
    val long: Long
        get() = number.let { if (it == Math.rint(it) && Math.abs(it) <= MOST_EXACT) it.toLong() else null }
            ?: refuse("a whole number")
    val ints: IntArray get() = items.map { it.int }.toIntArray()
    val floats: FloatArray get() = items.map { it.number.toFloat() }.toFloatArray()

    /** A field that must be there; its value may be null. */
    operator fun get(name: String): Json {
        if (!fields.containsKey(name)) throw JsonError("${named("$place.$name")} is missing")
        return Json(fields[name], "$place.$name")
    }

    /** What `read` makes of the value; null where it is null. */
    fun <T> orNull(read: (Json) -> T): T? = if (isNull) null else read(this)

    private fun refuse(wanted: String): Nothing =
        throw JsonError("${named(place)} is ${shown(value)} instead of $wanted")

    companion object {
        private const val MOST_EXACT = 9.007199254740992e15
        private const val MOST_SHOWN = 60

        private fun named(place: String) = place.removePrefix(".").ifEmpty { "it" }

        /** A value for a message, cut short. */
        fun shown(value: Any?): String {
            val whole = value is Double && value == Math.rint(value) && Math.abs(value) < MOST_EXACT
            return written(if (whole) value.toLong() else value).take(MOST_SHOWN)
        }

        /** @throws JsonError it is no JSON */
        fun parse(text: String): Json = Json(JsonParser(text.removePrefix("\uFEFF")).parse())

        /** The text of maps, lists, strings, numbers, booleans and null; enough for results. */
        fun written(value: Any?): String = when (value) {
            null -> "null"
            is String -> quoted(value)
            is Boolean -> value.toString()
            is Number -> {
                require(!value.toDouble().isNaN() && !value.toDouble().isInfinite()) { "$value is no JSON number" }
                value.toString()
            }
            is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { (key, item) ->
                "${quoted(key.toString())}: ${written(item)}"
            }
            is Iterable<*> -> value.joinToString(", ", "[", "]") { written(it) }
            else -> throw IllegalArgumentException("${value.javaClass} is no JSON value")
        }

        private fun quoted(text: String): String = buildString {
            append('"')
            for (letter in text) {
                when {
                    letter == '"' || letter == '\\' -> append('\\').append(letter)
                    letter < ' ' || letter == '\u2028' || letter == '\u2029' ->
                        append("\\u").append(letter.code.toString(16).padStart(4, '0'))
                    else -> append(letter)
                }
            }
            append('"')
        }
    }
}

private class JsonParser(private val text: String) {
    private var at = 0
    private var depth = 0

    fun parse(): Any? {
        val value = value()
        skipSpace()
        if (at != text.length) fail("text after the end")
        return value
    }

    private fun fail(what: String): Nothing = throw JsonError("not JSON: $what at character $at")

    private fun skipSpace() {
        while (at < text.length && text[at] in " \t\n\r") at++
    }

    private fun take(letter: Char): Boolean {
        skipSpace()
        if (at < text.length && text[at] == letter) {
            at++
            return true
        }
        return false
    }

    private fun value(): Any? {
        skipSpace()
        if (at == text.length) fail("the text ends early")
        return when (val letter = text[at]) {
            '{' -> nested { map() }
            '[' -> nested { list() }
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> if (letter == '-' || letter in '0'..'9') number() else fail("'$letter'")
        }
    }

    private fun <T> nested(read: () -> T): T {
        if (++depth > DEEPEST) fail("nested too deeply")
        at++
        return read().also { depth-- }
    }

    private fun map(): Map<String, Any?> {
        val map = LinkedHashMap<String, Any?>()
        if (take('}')) return map
        do {
            skipSpace()
            if (at == text.length || text[at] != '"') fail("a name is missing")
            val name = string()
            if (!take(':')) fail("':' is missing")
            if (map.containsKey(name)) fail("the name ${Json.shown(name)} stands twice")
            map[name] = value()
        } while (take(','))
        if (!take('}')) fail("'}' is missing")
        return map
    }

    private fun list(): List<Any?> {
        val list = ArrayList<Any?>()
        if (take(']')) return list
        do list.add(value()) while (take(','))
        if (!take(']')) fail("']' is missing")
        return list
    }

    private fun <T> word(word: String, meaning: T): T {
        if (!text.startsWith(word, at)) fail("an unknown word")
        at += word.length
        return meaning
    }

    private fun number(): Double {
        val start = at
        while (at < text.length && (text[at] in "+-.eE" || text[at] in '0'..'9')) at++
        val digits = text.substring(start, at)
        val number = if (NUMBER.matches(digits)) digits.toDouble() else Double.NaN
        if (number.isNaN() || number.isInfinite()) fail("the number ${Json.shown(digits)}")
        return number
    }

    private fun string(): String {
        val result = StringBuilder()
        at++
        while (true) {
            if (at == text.length) fail("a text does not end")
            val letter = text[at++]
            when {
                letter == '"' -> return result.toString()
                letter == '\\' -> result.append(escaped())
                letter < ' ' -> fail("a control character")
                else -> result.append(letter)
            }
        }
    }

    private fun escaped(): Char {
        if (at == text.length) fail("a text does not end")
        return when (val letter = text[at++]) {
            '"', '\\', '/' -> letter
            'b' -> '\b'
            'f' -> '\u000C'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> {
                val digits = text.substring(at, minOf(at + 4, text.length))
                if (!HEX.matches(digits)) fail("an escape that is none")
                at += 4
                digits.toInt(16).toChar()
            }
            else -> fail("an escape that is none")
        }
    }

    private companion object {
        const val DEEPEST = 60
        val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
        val HEX = Regex("[0-9a-fA-F]{4}")
    }
}
