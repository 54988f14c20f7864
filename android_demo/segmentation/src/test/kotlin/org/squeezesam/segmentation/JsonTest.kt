package org.squeezesam.segmentation

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class JsonTest {
    @Test
    fun whatIsWrittenIsReadAgain() {
        val value = mapOf(
            "text" to "a \"quote\", a \\, a tab\t, a line\n, \u0001, \u2028, ü and \uD83D\uDE00",
            "numbers" to listOf(0.0, -1.5, 1e-300, 123456789.0),
            "others" to listOf(true, false, null, emptyList<Any>(), emptyMap<String, Any>()),
        )
        assertEquals<Any?>(value, Json.parse(Json.written(value)).value)
        assertFailsWith<IllegalArgumentException> { Json.written(Double.NaN) }
    }

    @Test
    fun whatIsNoJsonIsRefused() {
        val damaged = listOf(
            "", " ", "{", "[1,", "[1 2]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{\"a\":1,\"a\":2}", "1 1", "tru",
            "[01]", "[1.]", "[.5]", "[+1]", "[1e999]", "[NaN]", "[".repeat(100_000),
            "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\\u12", "\"\n\"",
        )
        for (text in damaged) assertFailsWith<JsonError>(text.take(20)) { Json.parse(text) }
    }

    @Test
    fun aValueOfAnotherTypeIsNamedByItsPlace() {
        val value = Json.parse("""{"a": [{"b": 1.5}]}""")
        val (other, missing) = listOf("b", "c").map { name ->
            assertFailsWith<JsonError> { value["a"].items[0][name].int }.message
        }
        assertEquals("a[0].b is 1.5 instead of a whole number", other)
        assertEquals("a[0].c is missing", missing)
        for (read in listOf<(Json) -> Any?>({ it.text }, { it.flag }, { it.number }, { it.fields }, { it.long })) {
            assertFailsWith<JsonError> { read(value["a"]) }
        }
    }
}
