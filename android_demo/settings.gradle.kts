// UNRUN: no Gradle is at hand where this project is built; tests/test_android_app.py checks what it can.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}
dependencyResolutionManagement {
    repositoriesMode.set(RepositoriesMode.FAIL_ON_PROJECT_REPOS)
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "SqueezeSAM"
include(":segmentation", ":app")
