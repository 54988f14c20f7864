package org.squeezesam.demo

import org.squeezesam.segmentation.ConfigError
import org.squeezesam.segmentation.Protocol

// Knows no Android, so that it is tested on the JVM.

/**
 * What the benchmark is asked for; null where the choice of the main screen counts.
 *
 * @property networks names of kinds
 * @property command of the records
 */
class Wanted private constructor(
    val runtime: String?,
    val networks: List<String>?,
    val schemes: List<String>?,
    val threads: List<Int>?,
    val protocol: Protocol,
    val command: String,
) {
    companion object {
        private val NAMES = listOf(
            "runtime", "networks", "schemes", "threads", "warm_up", "iterations", "time_budget", "pipelines",
            "photo_width", "photo_height", "sustained", "rounds", "cool_down", "thermal_gate",
        )

        /**
         * What the extras of an intent ask for.
         *
         * @param given values by their names; those of the protocol that are missing are the harness's
         * @throws ConfigError a name is unknown, or a value cannot be used
         */
        fun of(given: Map<String, String>): Wanted {
            (given.keys - NAMES).firstOrNull()?.let {
                throw ConfigError("the benchmark has no option $it; use one of ${NAMES.joinToString(", ")}")
            }
            fun list(name: String) = given[name]?.split(",")?.map(String::trim)
            fun <T> number(name: String, plain: T, read: (String) -> T?): T = given[name]?.let {
                read(it) ?: throw ConfigError("the $name of $it is no number that can be used; give another one")
            } ?: plain
            val plain = Protocol()
            val protocol = Protocol(
                number("warm_up", plain.warmUpInferences, String::toIntOrNull),
                number("iterations", plain.timedInferences, String::toIntOrNull),
                number("time_budget", plain.timeBudgetS, String::toDoubleOrNull),
                number("pipelines", plain.pipelineRuns, String::toIntOrNull),
                number("photo_width", plain.photoWidthPx, String::toIntOrNull),
                number("photo_height", plain.photoHeightPx, String::toIntOrNull),
                number("sustained", plain.sustainedS, String::toDoubleOrNull),
                number("rounds", plain.rounds, String::toIntOrNull),
                number("cool_down", plain.coolDownS, String::toDoubleOrNull),
                number("thermal_gate", plain.thermalGateS, String::toDoubleOrNull),
            )
            val threads = list("threads")?.map { one ->
                one.toIntOrNull() ?: throw ConfigError("$one is no number of threads; give one such as 2")
            }
            val words = NAMES.filter { it in given }.joinToString("") { " --es $it ${given[it]}" }
            val command = "org.squeezesam.demo/.BenchmarkActivity$words (all in one process)"
            return Wanted(given["runtime"], list("networks"), list("schemes"), threads, protocol, command)
        }
    }

    /**
     * Those of some kinds of networks that are asked for.
     *
     * @param known names of the kinds that there are
     * @throws ConfigError one that is asked for is not there
     */
    fun networksOf(known: List<String>): List<String> {
        networks?.firstOrNull { it !in known }?.let {
            throw ConfigError("the bundle has no $it; choose one of ${known.joinToString(", ")}")
        }
        return known.filter { networks == null || it in networks }
    }
}
