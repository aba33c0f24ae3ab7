"""The documented names of the Clinical Metabolomics Oracle: a thin package over `cmo`.

Importing it loads nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmo.settings import Settings as LightRAGConfig
    from lightrag_integration import quality_diagnostics
    from lightrag_integration.agents import DocMindSupervisor, create_initial_state
    from lightrag_integration.alerts import AlertSystem
    from lightrag_integration.budget import BudgetManager, CostAnalyzer, CostSummary, QueryPermission
    from lightrag_integration.cache import CacheConfig, ResponseCache
    from lightrag_integration.checks import test_knowledge_base_integrity
    from lightrag_integration.configuration import (
        ConfigManager,
        ConfigurationError,
        ConfigValidator,
        DevelopmentConfig,
        EnvironmentConfig,
        ProductionConfig,
        StagingConfig,
        avalidate_configuration,
        validate_configuration,
    )
    from lightrag_integration.connections import ConnectionPool, test_openai_connectivity
    from lightrag_integration.diagnostics import DiagnosticTools
    from lightrag_integration.driven_rollout import RolloutMetrics
    from lightrag_integration.experiment import ABTestManager, ABTestResults, ShadowModeIntegration
    from lightrag_integration.feature_flags import FeatureFlagDiagnostics, FeatureFlagManager, RolloutConfig
    from lightrag_integration.health import HealthChecker, HealthStatus, health_check, readiness_check
    from lightrag_integration.host import (
        detect_language,
        generate_user_id,
        perplexity_fallback_query,
        perplexity_query,
    )
    from lightrag_integration.monitor import PerformanceAlert, ProductionMonitor
    from lightrag_integration.profiling import PerformanceProfiler
    from lightrag_integration.quality import (
        AccuracyScorer,
        FactualAccuracyValidator,
        QualityAssessment,
        QualityAssessmentSuite,
        QualityManager,
        RelevanceScorer,
        get_quality_indicator,
    )
    from lightrag_integration.query_router import (
        BiomedicalQueryRouter,
        ConfidenceMetrics,
        RoutingDecision,
        RoutingPrediction,
    )
    from lightrag_integration.rag import (
        AsyncClinicalRAG,
        ClinicalMetabolomicsRAG,
        RAGResponse,
        create_clinical_rag_system,
    )
    from lightrag_integration.responses import EnhancedResponseProcessor, ProcessedResponse
    from lightrag_integration.rollback import (
        AutoRollback,
        IncidentReport,
        ManualRollback,
        emergency_notifications,
        get_current_metrics,
        send_emergency_notification,
    )
    from lightrag_integration.rollouts import CanaryDeployment, GradualRolloutManager
    from lightrag_integration.validation import EnhancedResponse, ResponseValidator, ValidationSuite

_HOMES = {
    "HealthChecker": ("lightrag_integration.health", "HealthChecker"),
    "HealthStatus": ("lightrag_integration.health", "HealthStatus"),
    "health_check": ("lightrag_integration.health", "health_check"),
    "readiness_check": ("lightrag_integration.health", "readiness_check"),
    "ConfigManager": ("lightrag_integration.configuration", "ConfigManager"),
    "ConfigValidator": ("lightrag_integration.configuration", "ConfigValidator"),
    "ConfigurationError": ("lightrag_integration.configuration", "ConfigurationError"),
    "DevelopmentConfig": ("lightrag_integration.configuration", "DevelopmentConfig"),
    "EnvironmentConfig": ("lightrag_integration.configuration", "EnvironmentConfig"),
    "ProductionConfig": ("lightrag_integration.configuration", "ProductionConfig"),
    "StagingConfig": ("lightrag_integration.configuration", "StagingConfig"),
    "avalidate_configuration": ("lightrag_integration.configuration", "avalidate_configuration"),
    "validate_configuration": ("lightrag_integration.configuration", "validate_configuration"),
    "PerformanceProfiler": ("lightrag_integration.profiling", "PerformanceProfiler"),
    "DiagnosticTools": ("lightrag_integration.diagnostics", "DiagnosticTools"),
    "detect_language": ("lightrag_integration.host", "detect_language"),
    "generate_user_id": ("lightrag_integration.host", "generate_user_id"),
    "perplexity_fallback_query": ("lightrag_integration.host", "perplexity_fallback_query"),
    "perplexity_query": ("lightrag_integration.host", "perplexity_query"),
    "DocMindSupervisor": ("lightrag_integration.agents", "DocMindSupervisor"),
    "create_initial_state": ("lightrag_integration.agents", "create_initial_state"),
    "EnhancedResponseProcessor": ("lightrag_integration.responses", "EnhancedResponseProcessor"),
    "ProcessedResponse": ("lightrag_integration.responses", "ProcessedResponse"),
    "AlertSystem": ("lightrag_integration.alerts", "AlertSystem"),
    "PerformanceAlert": ("lightrag_integration.monitor", "PerformanceAlert"),
    "ProductionMonitor": ("lightrag_integration.monitor", "ProductionMonitor"),
    "ABTestManager": ("lightrag_integration.experiment", "ABTestManager"),
    "ABTestResults": ("lightrag_integration.experiment", "ABTestResults"),
    "ShadowModeIntegration": ("lightrag_integration.experiment", "ShadowModeIntegration"),
    "FeatureFlagDiagnostics": ("lightrag_integration.feature_flags", "FeatureFlagDiagnostics"),
    "FeatureFlagManager": ("lightrag_integration.feature_flags", "FeatureFlagManager"),
    "RolloutConfig": ("lightrag_integration.feature_flags", "RolloutConfig"),
    "AutoRollback": ("lightrag_integration.rollback", "AutoRollback"),
    "IncidentReport": ("lightrag_integration.rollback", "IncidentReport"),
    "emergency_notifications": ("lightrag_integration.rollback", "emergency_notifications"),
    "get_current_metrics": ("lightrag_integration.rollback", "get_current_metrics"),
    "send_emergency_notification": ("lightrag_integration.rollback", "send_emergency_notification"),
    "ManualRollback": ("lightrag_integration.rollback", "ManualRollback"),
    "CanaryDeployment": ("lightrag_integration.rollouts", "CanaryDeployment"),
    "GradualRolloutManager": ("lightrag_integration.rollouts", "GradualRolloutManager"),
    "RolloutMetrics": ("lightrag_integration.driven_rollout", "RolloutMetrics"),
    "EnhancedResponse": ("lightrag_integration.validation", "EnhancedResponse"),
    "ResponseValidator": ("lightrag_integration.validation", "ResponseValidator"),
    "ValidationSuite": ("lightrag_integration.validation", "ValidationSuite"),
    "AccuracyScorer": ("lightrag_integration.quality", "AccuracyScorer"),
    "FactualAccuracyValidator": ("lightrag_integration.quality", "FactualAccuracyValidator"),
    "QualityAssessment": ("lightrag_integration.quality", "QualityAssessment"),
    "QualityAssessmentSuite": ("lightrag_integration.quality", "QualityAssessmentSuite"),
    "QualityManager": ("lightrag_integration.quality", "QualityManager"),
    "RelevanceScorer": ("lightrag_integration.quality", "RelevanceScorer"),
    "get_quality_indicator": ("lightrag_integration.quality", "get_quality_indicator"),
    "LightRAGConfig": ("cmo.settings", "Settings"),
    "ClinicalMetabolomicsRAG": ("lightrag_integration.rag", "ClinicalMetabolomicsRAG"),
    "AsyncClinicalRAG": ("lightrag_integration.rag", "AsyncClinicalRAG"),
    "RAGResponse": ("lightrag_integration.rag", "RAGResponse"),
    "BiomedicalQueryRouter": ("lightrag_integration.query_router", "BiomedicalQueryRouter"),
    "ConfidenceMetrics": ("lightrag_integration.query_router", "ConfidenceMetrics"),
    "RoutingDecision": ("lightrag_integration.query_router", "RoutingDecision"),
    "RoutingPrediction": ("lightrag_integration.query_router", "RoutingPrediction"),
    "BudgetManager": ("lightrag_integration.budget", "BudgetManager"),
    "CostAnalyzer": ("lightrag_integration.budget", "CostAnalyzer"),
    "CostSummary": ("lightrag_integration.budget", "CostSummary"),
    "QueryPermission": ("lightrag_integration.budget", "QueryPermission"),
    "CacheConfig": ("lightrag_integration.cache", "CacheConfig"),
    "ResponseCache": ("lightrag_integration.cache", "ResponseCache"),
    "ConnectionPool": ("lightrag_integration.connections", "ConnectionPool"),
    "test_openai_connectivity": ("lightrag_integration.connections", "test_openai_connectivity"),
    "create_clinical_rag_system": ("lightrag_integration.rag", "create_clinical_rag_system"),
    "quality_diagnostics": ("lightrag_integration.quality_diagnostics", ""),
    "test_knowledge_base_integrity": ("lightrag_integration.checks", "test_knowledge_base_integrity"),
}

__all__ = [
    "ABTestManager",
    "ABTestResults",
    "AccuracyScorer",
    "AlertSystem",
    "AsyncClinicalRAG",
    "AutoRollback",
    "BiomedicalQueryRouter",
    "BudgetManager",
    "CacheConfig",
    "CanaryDeployment",
    "ClinicalMetabolomicsRAG",
    "ConfidenceMetrics",
    "ConfigManager",
    "ConfigValidator",
    "ConfigurationError",
    "ConnectionPool",
    "CostAnalyzer",
    "CostSummary",
    "DevelopmentConfig",
    "DiagnosticTools",
    "DocMindSupervisor",
    "EnhancedResponse",
    "EnhancedResponseProcessor",
    "EnvironmentConfig",
    "FactualAccuracyValidator",
    "FeatureFlagDiagnostics",
    "FeatureFlagManager",
    "GradualRolloutManager",
    "HealthChecker",
    "HealthStatus",
    "IncidentReport",
    "LightRAGConfig",
    "ManualRollback",
    "PerformanceAlert",
    "PerformanceProfiler",
    "ProcessedResponse",
    "ProductionConfig",
    "ProductionMonitor",
    "QualityAssessment",
    "QualityAssessmentSuite",
    "QualityManager",
    "QueryPermission",
    "RAGResponse",
    "RelevanceScorer",
    "ResponseCache",
    "ResponseValidator",
    "RolloutConfig",
    "RolloutMetrics",
    "RoutingDecision",
    "RoutingPrediction",
    "ShadowModeIntegration",
    "StagingConfig",
    "ValidationSuite",
    "avalidate_configuration",
    "create_clinical_rag_system",
    "create_initial_state",
    "detect_language",
    "emergency_notifications",
    "generate_user_id",
    "get_current_metrics",
    "get_quality_indicator",
    "health_check",
    "perplexity_fallback_query",
    "perplexity_query",
    "quality_diagnostics",
    "readiness_check",
    "send_emergency_notification",
    "test_knowledge_base_integrity",
    "test_openai_connectivity",
    "validate_configuration",
]


def __getattr__(name: str) -> Any:
    """Load a documented name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lightrag_integration' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute) if attribute else import_module(module)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
